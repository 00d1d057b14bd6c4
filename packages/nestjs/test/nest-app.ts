import { MemoryNetwork, silentLogger } from '@headrace/core';
import { HeadraceClient, type HeadraceClientOptions, HeadraceServer } from '@headrace/nestjs';
import type { INestMicroservice, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { HeadraceServerOptions } from '../src/server/server-options.ts';

/** A microservice in a network in memory, and its clients. */
export class NestApp {
  readonly network: MemoryNetwork = new MemoryNetwork();
  readonly server: HeadraceServer;
  readonly app: INestMicroservice;
  private readonly clients: HeadraceClient[] = [];

  private constructor(app: INestMicroservice, server: HeadraceServer, network: MemoryNetwork) {
    this.app = app;
    this.server = server;
    this.network = network;
  }

  static async start(
    controllers: Type[],
    options: Partial<HeadraceServerOptions> = {},
    providers: Type[] = [],
  ): Promise<NestApp> {
    const network = new MemoryNetwork();
    const server = new HeadraceServer({
      bind: { network, name: 'app' },
      logger: silentLogger,
      ...options,
    });
    @Module({ controllers, providers })
    class AppModule {}
    const app = await NestFactory.createMicroservice(AppModule, {
      strategy: server,
      logger: false,
      abortOnError: false,
    });
    await app.listen();
    return new NestApp(app, server, network);
  }

  client(options: Partial<HeadraceClientOptions> = {}): HeadraceClient {
    const client = new HeadraceClient({
      servers: [{ network: this.network, name: 'app' }],
      logger: silentLogger,
      ...options,
    });
    this.clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.app.close();
  }
}
