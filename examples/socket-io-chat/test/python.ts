// python3-socketio of Debian, if it is there.
import { spawnSync } from 'node:child_process';

/** Debian's packages for Python belong to its own Python, which another one can hide. */
export const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import socketio, requests, websocket']).status === 0,
);

/** The skipped suite's name is the line that tells what is missing. */
export const pythonSuite = (name: string): string =>
  python === undefined
    ? `${name} (needs python-socketio; Debian: python3-socketio, python3-websocket)`
    : name;
