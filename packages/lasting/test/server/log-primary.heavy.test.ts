import { describeKills } from './describe-kills.ts';
import { PrimaryLog } from './primary-log.ts';

// The log in the memory of the process that starts the others.
describeKills('primary', 'a primary process', '', async () => {
  return { port: 0, serve: new PrimaryLog().serve, end: async () => {} };
});
