// npm start       (in this folder): a gateway with one simulated device, until Ctrl-C
import { DeviceGateway } from './device-gateway.ts';
import { SimulatedDevice } from './simulated-device.ts';

// The reader of the output may go, as `head` does: the service goes on without it.
process.stdout.on('error', () => {});
const gateway = new DeviceGateway({ authenticate: (_device, token) => token === 'secret' });
gateway.on('online', (device) => console.log(`${device} is online`));
gateway.on('offline', (device, info) => console.log(`${device} is offline (${info?.reason})`));
gateway.on('telemetry', (device, body) => console.log(`${device} sends`, body));
const port = await gateway.start();
console.log(`listening tcp://127.0.0.1:${port}`);

const device = await SimulatedDevice.connect({ port, device: 'pump-7', token: 'secret' });
device.onCommand = (command) => ({ done: command });
const measuring = setInterval(() => device.telemetry({ celsius: 20 + Math.random() }), 1000);
console.log('pump-7 answers', await gateway.command('pump-7', 'open the valve'));

process.once('SIGINT', () => {
  clearInterval(measuring);
  void gateway.stop().then(() => process.exit(0));
});
