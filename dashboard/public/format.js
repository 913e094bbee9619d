// Numbers, times and sizes as people read them.

const NONE = '–';

/** A number with three or four sensible digits. */
export function number(value, digits = 4) {
	if (value === null || value === undefined || Number.isNaN(value)) {
		return NONE;
	}
	const size = Math.abs(value);
	if (!Number.isFinite(value)) {
		return value > 0 ? '∞' : '−∞';
	}
	if (size !== 0 && (size >= 1e15 || size < 1e-4)) {
		return value.toExponential(2).replace('-', '−').replace('e+', 'e');
	}
	if (Number.isInteger(value) || size >= 10 ** (digits - 1)) {
		return Math.round(value).toLocaleString('en-US').replace('-', '−');
	}
	return Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 6 }).replace('-', '−');
}

export function count(value) {
	return value === null || value === undefined ? NONE : Number(value).toLocaleString('en-US');
}

export function percent(value, digits = 1) {
	return value === null || value === undefined ? NONE : `${(100 * value).toFixed(digits).replace('-', '−')} %`;
}

export function seconds(value) {
	if (value === null || value === undefined) {
		return NONE;
	}
	if (value < 1) {
		return `${Math.max(1, Math.round(value * 1000))} ms`;
	}
	if (value < 100) {
		return `${value.toFixed(1)} s`;
	}
	const minutes = Math.floor(value / 60);
	return minutes < 100 ? `${minutes} min ${Math.round(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value) {
	if (value === null || value === undefined) {
		return NONE;
	}
	const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
	let size = value;
	let i = 0;
	while (size >= 1024 && i < units.length - 1) {
		size /= 1024;
		i += 1;
	}
	return `${i === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[i]}`;
}

/** "3 minutes ago"; the whole date goes into a title. */
export function ago(value) {
	if (!value) {
		return NONE;
	}
	const passed = (Date.now() - new Date(value).getTime()) / 1000;
	if (passed < 0) {
		return date(value);
	}
	const steps = [[60, 1, 'second'], [3600, 60, 'minute'], [86400, 3600, 'hour'], [86400 * 45, 86400, 'day']];
	for (const [limit, unit, word] of steps) {
		if (passed < limit) {
			const n = Math.max(1, Math.floor(passed / unit));
			return word === 'second' && n < 10 ? 'just now' : `${n} ${word}${n === 1 ? '' : 's'} ago`;
		}
	}
	return date(value).slice(0, 10);
}

export function date(value) {
	if (!value) {
		return NONE;
	}
	const at = new Date(value);
	const two = (n) => String(n).padStart(2, '0');
	return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

const METRICS = {
	r2: 'R²', rmse: 'RMSE', mse: 'MSE', mae: 'Mean error', median_absolute_error: 'Median error', mape: 'Mean error, share',
	accuracy: 'Accuracy', balanced_accuracy: 'Balanced accuracy', log_loss: 'Log loss', roc_auc: 'ROC AUC',
	average_precision: 'Average precision', f1: 'F1', mcc: 'Matthews correlation', brier: 'Brier score',
};
const LOWER_IS_BETTER = new Set(['rmse', 'mse', 'mae', 'median_absolute_error', 'mape', 'log_loss', 'brier']);
const SHARES = new Set(['accuracy', 'balanced_accuracy', 'mape']);
// Their scale ends at 1: three decimals are what can be told apart.
const OF_ONE = new Set(['r2', 'roc_auc', 'average_precision', 'f1', 'mcc', 'brier', 'log_loss']);

export const metricName = (metric) => METRICS[metric] ?? metric ?? NONE;
export const lowerIsBetter = (metric) => LOWER_IS_BETTER.has(metric);

/** A metric's value: shares in per cent, errors in the target's unit. */
export function metric(name, value) {
	if (SHARES.has(name)) {
		return percent(value);
	}
	return OF_ONE.has(name) && value !== null && value !== undefined && Math.abs(value) < 100
		? value.toFixed(3).replace(/^-(0\.000)$/, '$1').replace('-', '−') : number(value);
}

export function algorithm(name) {
	return { random_forest: 'random forest', gradient_boosting: 'gradient boosting' }[name] ?? name;
}
