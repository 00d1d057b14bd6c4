#!/usr/bin/env node
// The program imports nothing before it knows the version of Node. An old version would print a stack trace for syntax
// that it cannot read.
const NEEDED = [20, 19] as const;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) {
  void import('./main.ts').then(({ main }) => main());
} else {
  console.error(
    `create-headrace needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}`,
  );
  process.exitCode = 1;
}
