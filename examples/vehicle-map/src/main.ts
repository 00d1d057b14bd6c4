// The server and 1,000 vehicles: `npm start`. One of both: `npm start -- server`, `npm start -- vehicles`.
import { bundlePage } from '../../../scripts/bundle-page.mjs';
import { startMap } from './map-server.ts';
import { startVehicles } from './vehicles.ts';

const VEHICLE_PORT = 18_898;
const PAGE_PORT = 18_899;
const COUNT = 1000;

const [role] = process.argv.slice(2);
try {
  if (role !== undefined && role !== 'server' && role !== 'vehicles') {
    throw new Error(`no role ${role}: there are server and vehicles`);
  }
  if (role !== 'vehicles') await runServer();
  if (role !== 'server') {
    console.log(`${COUNT} vehicles, every second one over TCP, report to port ${VEHICLE_PORT}`);
    const port = VEHICLE_PORT;
    await startVehicles({ count: COUNT, tcpPort: port, udpPort: port, say: console.log });
  }
} catch (error) {
  console.error(`vehicle-map: ${(error as Error).message}`);
  process.exit(1);
}

async function runServer(): Promise<void> {
  let program: Promise<string> | undefined;
  const map = await startMap({
    vehiclePort: VEHICLE_PORT,
    pagePort: PAGE_PORT,
    program: () => (program ??= bundlePage(new URL('page.ts', import.meta.url))),
  });
  console.log(`open http://127.0.0.1:${map.pages.port}/`);
  const end = () => void map[Symbol.asyncDispose]().then(() => process.exit(0));
  process.once('SIGINT', end).once('SIGTERM', end);
}
