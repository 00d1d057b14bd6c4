// One end of `npm run bench -- nest`: a microservice of Nest, or a client that asks it, over Nest's own TCP or over
// Headrace. It runs from the built package, in a process of its own: `nest-process.mjs server|client tcp|headrace [port]`.
import 'reflect-metadata';
import { HeadraceClient, HeadraceServer } from '@headrace/nestjs';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientTCP, MessagePattern, Transport } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

const host = '127.0.0.1';
const [role, transport, givenPort] = process.argv.slice(2);
const port = Number(givenPort);
const isOurs = transport === 'headrace';

class EchoController {
  echo(data) {
    return data;
  }
}
MessagePattern('echo')(
  EchoController.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(EchoController.prototype, 'echo'),
);
Controller()(EchoController);
class AppModule {}
Module({ controllers: [EchoController] })(AppModule);

async function serve() {
  const options = isOurs
    ? { strategy: new HeadraceServer({ bind: { host, port } }) }
    : { transport: Transport.TCP, options: { host, port } };
  const app = await NestFactory.createMicroservice(AppModule, { ...options, logger: false });
  await app.listen();
  process.on('message', () => process.send(process.cpuUsage()));
  process.send('ready');
}

/** Asks `requests` times, `depth` at a time, with 64 bytes each. */
async function ask(client, { requests, depth }) {
  let left = requests;
  const data = 'x'.repeat(64);
  const one = async () => {
    while (left > 0) {
      left -= 1;
      await lastValueFrom(client.send('echo', data));
    }
  };
  await Promise.all(Array.from({ length: depth }, one));
}

async function load() {
  const client = isOurs
    ? new HeadraceClient({ servers: [{ host, port }] })
    : new ClientTCP({ host, port });
  await client.connect();
  process.on('message', async (work) => {
    await ask(client, work);
    process.send(process.cpuUsage());
  });
  process.send('ready');
}

await (role === 'server' ? serve() : load());
