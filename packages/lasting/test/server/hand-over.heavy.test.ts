import { expect, it } from 'vitest';
import { rollingRestarts } from './rolling-restarts.ts';

const CLIENTS = 1000;
const RESTARTS = 10;

it(`${CLIENTS} clients with 50 messages a second and calls under way go through ${RESTARTS} rolling restarts, and nothing is lost or comes twice`, async () => {
  const { answered, notices, resumed } = await rollingRestarts(CLIENTS, RESTARTS);
  const least = CLIENTS * RESTARTS;
  expect([resumed >= least, answered >= least, notices >= least]).toEqual([true, true, true]);
});
