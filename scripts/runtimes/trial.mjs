// One trial on the runtime that runs this file: `node trial.mjs NAME`. It uses the built packages as a program
// outside does, by their public names. Prints nothing and exits with 0 when the trial holds.
// Without a name it prints the names of all trials, one in each line.
import { clusterTrials } from './trials/cluster.mjs';
import { codecTrials } from './trials/codec.mjs';
import { socketTrials } from './trials/socket.mjs';
import { tlsTrials } from './trials/tls.mjs';
import { webSocketTrials } from './trials/web-socket.mjs';

const LIMIT_MS = 8000;
const trials = {
  ...socketTrials,
  ...codecTrials,
  ...tlsTrials,
  ...webSocketTrials,
  ...clusterTrials,
};
const name = process.argv[2];

function fail(error) {
  console.error(`${error?.stack ?? error}`);
  process.exit(1);
}

if (name === undefined) {
  console.log(Object.keys(trials).join('\n'));
} else {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  setTimeout(() => fail(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS).unref();
  const certificates = JSON.parse(process.env.TRIAL_CERTIFICATES);
  await trials[name](certificates);
  // What comes a moment later, as an error nobody caught, counts too.
  setTimeout(() => process.exit(0), 50);
}
