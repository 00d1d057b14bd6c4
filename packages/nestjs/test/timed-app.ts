import { passTime, VirtualClock } from '@headrace/core/testing';
import type { HeadraceClientOptions } from '@headrace/nestjs';
import type { Type } from '@nestjs/common';
import type { HeadraceServerOptions } from '../src/server/server-options.ts';
import { NestApp } from './nest-app.ts';

/** A microservice and its clients on one virtual clock. */
export class TimedApp {
  readonly clock: VirtualClock;
  readonly nest: NestApp;

  private constructor(clock: VirtualClock, nest: NestApp) {
    this.clock = clock;
    this.nest = nest;
  }

  static async start(
    controllers: Type[],
    options: Partial<HeadraceServerOptions> = {},
  ): Promise<TimedApp> {
    const clock = new VirtualClock();
    const starting = NestApp.start(controllers, { clock, ...options });
    await passTime(clock, 1);
    return new TimedApp(clock, await starting);
  }

  client(options: Partial<HeadraceClientOptions> = {}): ReturnType<NestApp['client']> {
    return this.nest.client({ clock: this.clock, ...options });
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }

  async end(): Promise<void> {
    const ending = this.nest.end();
    await this.pass(15_000);
    await ending;
  }
}
