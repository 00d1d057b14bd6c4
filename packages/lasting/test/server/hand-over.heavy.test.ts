import { expect, it } from 'vitest';
import { rollingRestarts } from './rolling-restarts.ts';

const CLIENTS = 1000;
const RESTARTS = 10;

it(`${CLIENTS} clients with calls under way go through ${RESTARTS} rolling restarts, and nothing is lost or comes twice`, async () => {
  const { answered, notices, resumed } = await rollingRestarts(CLIENTS, RESTARTS);
  // A channel may be handed on before its client has come.
  expect(resumed).toBeGreaterThan(CLIENTS);
  expect([answered > CLIENTS * RESTARTS, notices > CLIENTS * RESTARTS]).toEqual([true, true]);
});
