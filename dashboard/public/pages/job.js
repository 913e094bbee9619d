// Long work while it runs, and what came of it.
import { h, replace } from '../h.js';
import { get, post, state } from '../api.js';
import * as format from '../format.js';
import { act, alertBox, badge, button, card, link, modelLink, notices } from '../ui.js';
import { skill } from './overview.js';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const VERBS = { training: 'Training', retraining: 'Retraining', load: 'Loading' };

/** The result of a training: how good, and against what. */
function trainingResult(job) {
	const { result } = job;
	if (job.kind === 'retraining') {
		return card('Done', {}, h('p', {}, badge(result.promoted ? 'good' : 'warn', result.state), ' ', result.reason), h('p', {}, modelLink(result.model)));
	}
	if (job.kind === 'load') {
		return card('Done', {},
			h('p', {}, `${format.count(result.rows_loaded)} rows ${result.created ? `are in the new table ${result.table_name}` : `were added to ${result.table_name}`}, in ${format.seconds(result.seconds)}.`,
				result.rows_refused > 0 ? ` ${format.count(result.rows_refused)} lines were refused: they stand on the page Data.` : ''),
			h('p', { class: 'muted' }, `Columns: ${(result.columns ?? []).join(', ')}`),
			result.notes?.length ? h('ul', { class: 'notices' }, result.notes.map((note) => h('li', {}, note))) : null,
			h('div', { class: 'buttons' },
				h('a', { class: 'button', href: `#/data/${encodeURIComponent(result.table_name)}` }, 'Look at it'),
				h('a', { class: 'button primary', href: `#/train?table=${encodeURIComponent(result.table_name)}` }, 'Train on it')));
	}
	const share = skill(result.metric, result.score, result.baseline);
	return card('Done', {},
		h('div', { class: 'tiles' },
			h('div', { class: 'tile' }, h('span', {}, `${format.metricName(result.metric)}, rows not seen`), h('b', {}, format.metric(result.metric, result.score)), h('small', {}, `baseline ${format.metric(result.metric, result.baseline)}`)),
			h('div', { class: 'tile' }, h('span', {}, 'On training rows'), h('b', {}, format.metric(result.metric, result.train_score))),
			h('div', { class: 'tile' }, h('span', {}, 'Rows'), h('b', {}, format.count(result.rows_used))),
			h('div', { class: 'tile' }, h('span', {}, 'Took'), h('b', {}, format.seconds(result.seconds)))),
		share === 0 ? h('p', { class: 'bad' }, 'It is no better than the baseline: the columns do not tell enough about the target.') : null,
		result.notes?.length ? h('ul', { class: 'notices' }, result.notes.map((note) => h('li', {}, note))) : null,
		h('div', { class: 'buttons' }, h('a', { class: 'button primary', href: `#/model/${encodeURIComponent(result.model)}` }, `Look at ${result.model}`)));
}

export async function job(place, page) {
	const stage = h('p', { role: 'status' });
	const numbers = h('div', { class: 'tiles' });
	const meter = h('progress', { max: 1, 'aria-label': 'Progress' });
	const trouble = h('div', {});
	const cancel = button('Cancel', () => act(cancel, trouble, () => post('/api/job/cancel', { id: page.name })), { class: 'danger' });
	const live = card(null, {}, meter, stage, numbers, trouble, h('div', { class: 'buttons' }, cancel));
	let drawn = false;
	while (page.alive) {
		const { job: now, progress } = await get('/api/job', { id: page.name });
		if (!page.alive) {
			return;
		}
		const title = `${VERBS[now.kind]} ${now.title}`;
		if (now.state !== 'running') {
			replace(place, h('h1', {}, title),
				now.state === 'done' ? trainingResult(now)
					: now.state === 'cancelled' ? card('Cancelled', {}, h('p', {}, `It was cancelled after ${format.seconds(now.seconds)}, and left nothing behind.`),
						h('p', {}, link(now.kind === 'load' ? '#/data' : '#/train', 'Begin again')))
						: card('It failed', {}, alertBox(now.error), h('p', {}, link(now.kind === 'load' ? '#/data' : '#/train', 'Try again with other settings'))),
				notices(now.notices) ? card('What PostgreSQL said', {}, notices(now.notices)) : null);
			return;
		}
		if (!drawn) {
			replace(place, h('h1', {}, title), live);
			drawn = true;
		}
		if (progress?.fraction !== null && progress?.fraction !== undefined) {
			meter.value = progress.fraction;
		} else {
			meter.removeAttribute('value');
		}
		// A load counts bytes, the others rows, trees or rounds.
		const amount = now.kind === 'load' ? format.bytes : format.count;
		stage.textContent = progress ? `${progress.phase}${progress.total ? `: ${amount(progress.done)} of ${amount(progress.total)}` : ''}` : 'Running …';
		const tiles = [['Time', format.seconds(progress?.seconds ?? now.seconds)]];
		if (progress) {
			tiles.push(['Done', progress.fraction === null ? '–' : format.percent(progress.fraction, 0)], ['Left, about', format.seconds(progress.remaining_seconds)],
				['Processes', progress.workers === null ? '–' : String(progress.workers + 1)], ['Memory', format.bytes(progress.memory_bytes)]);
		}
		replace(numbers, tiles.map(([label, value]) => h('div', { class: 'tile' }, h('span', {}, label), h('b', {}, value))));
		cancel.hidden = state.session.readOnly;
		await pause(500);
	}
}
