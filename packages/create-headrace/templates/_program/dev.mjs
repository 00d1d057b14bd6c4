// `npm run dev`: compiles at first and after each change in src, shows type errors, and Node starts the program again when dist
// has changed. So it works on every Node that package.json allows: older ones run no TypeScript.
import { spawn } from 'node:child_process';
import { existsSync, watch } from 'node:fs';

const node = (...args) => spawn(process.execPath, args, { stdio: 'inherit' });

let program;
let compiler;
let isDue = false;

function compile() {
  isDue = compiler !== undefined;
  if (isDue) return;
  compiler = node('node_modules/typescript/bin/tsc');
  compiler.once('exit', () => {
    compiler = undefined;
    if (isDue) compile();
    else if (program === undefined && existsSync('dist/main.js')) start();
  });
}

function start() {
  program = node('--watch', 'dist/main.js');
  program.once('exit', (code) => process.exit(code ?? 0));
}

let soon;
watch('src', { recursive: true }, () => {
  clearTimeout(soon);
  soon = setTimeout(compile, 100);
});
compile();

// Ctrl-C reaches the program, too; it ends in good order.
process.once('SIGINT', () => program ?? process.exit(130));
process.once('SIGTERM', () => program?.kill() ?? process.exit(143));
