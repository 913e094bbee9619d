#!/usr/bin/env node
// echolon-dashboard: starts the web page; "--help" says how.
import { main } from '../server/main.js';

main(process.argv.slice(2)).catch((error) => {
	process.stderr.write(`echolon-dashboard: ${error.message}\n`);
	process.exitCode = 1;
});
