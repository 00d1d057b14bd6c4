import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { describeKills } from './describe-kills.ts';

describeKills('jetstream', `a real ${NATS_SERVER.command}`, missing(NATS_SERVER), () =>
  BusServer.start(NATS_SERVER),
);
