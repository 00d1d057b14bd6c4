// The echo server under test behind TLS: node benchmarks/servers/tls.mjs PORT HOST FOLDER_OF_KEY_AND_CERT
import { readFileSync } from 'node:fs';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { frameHandlers } from './frames.mjs';

const [port, host = '127.0.0.1', folder = '.'] = process.argv.slice(2);
const key = readFileSync(`${folder}/key.pem`);
const cert = readFileSync(`${folder}/cert.pem`);
await new ServerBootstrap()
  .childHandler((channel) => channel.pipeline.addLast(...frameHandlers(), new EchoHandler()))
  .bind({ port: Number(port), host, tls: { key, cert } });
console.log('ready');
