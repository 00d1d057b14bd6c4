// `npm run dev`: compiles after each change in src, and Node starts the program again when dist has changed. So it works on
// every Node that package.json allows: older ones run no TypeScript.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';

const node = (...args) => spawn(process.execPath, args, { stdio: 'inherit' });

const program = node('--watch', 'dist/main.js');
let compiler;
let isDue = false;

function compile() {
  isDue = compiler !== undefined;
  if (isDue) return;
  compiler = node('node_modules/typescript/bin/tsc');
  compiler.once('exit', () => {
    compiler = undefined;
    if (isDue) compile();
  });
}

let soon;
watch('src', { recursive: true }, () => {
  clearTimeout(soon);
  soon = setTimeout(compile, 100);
});

// Ctrl-C reaches the program, too; it ends in good order.
process.once('SIGINT', () => {});
process.once('SIGTERM', () => program.kill());
program.once('exit', (code) => process.exit(code ?? 0));
