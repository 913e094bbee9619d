// The files of the page, read once: ours, and the two libraries from node_modules.
import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const TYPES = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
};

// Plot writes one <style> into each chart.  It is allowed by its hash, so that
// no other style in the page is; the version of Plot is pinned, and a test
// fails where the hash is another's.
const PLOT_STYLE = `:where(.plot-d6a7b5) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.plot-d6a7b5 text),
:where(.plot-d6a7b5 tspan) {
  white-space: pre;
}`;
export const PLOT_STYLE_HASH = `sha256-${createHash('sha256').update(PLOT_STYLE).digest('base64')}`;

function entry(file) {
	const bytes = fs.readFileSync(file);
	return { bytes, type: TYPES[path.extname(file)], tag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}"` };
}

/** The folder of an installed package, wherever npm put it. */
function packageFolder(name) {
	const { resolve } = createRequire(import.meta.url);
	for (const folder of resolve.paths(name)) {
		if (fs.existsSync(path.join(folder, name, 'package.json'))) {
			return path.join(folder, name);
		}
	}
	throw new Error(`${name} is not installed: run "npm ci" in the folder dashboard`);
}

/** Path of the URL to bytes, type and tag. */
export function loadStaticFiles() {
	const files = new Map();
	const root = fileURLToPath(new URL('../public/', import.meta.url));
	const walk = (folder) => {
		for (const found of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
			const name = path.posix.join(folder, found.name);
			if (found.isDirectory()) {
				walk(name);
			} else if (TYPES[path.extname(name)]) {
				files.set(`/${name}`, entry(path.join(root, name)));
			}
		}
	};
	walk('');
	files.set('/', files.get('/index.html'));
	files.set('/vendor/d3.js', entry(path.join(packageFolder('d3'), 'dist/d3.min.js')));
	files.set('/vendor/plot.js', entry(path.join(packageFolder('@observablehq/plot'), 'dist/plot.umd.min.js')));
	return files;
}
