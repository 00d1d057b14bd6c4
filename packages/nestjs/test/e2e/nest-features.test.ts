import { isHeadraceError, MemoryNetwork, silentLogger } from '@headrace/core';
import { HEADRACE, HeadraceClient, HeadraceContext, HeadraceServer } from '@headrace/nestjs';
import {
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  Ctx,
  MessagePattern,
  Payload,
  type ReadPacket,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { firstValueFrom, map, type Observable, throwError } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { NestApp } from '../nest-app.ts';

let app: NestApp;
afterEach(() => app.end());

const failureOf = (answers: Observable<unknown>): Promise<unknown> =>
  firstValueFrom(answers).catch((error: unknown) => error);

@Injectable()
class OnlyAnn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getContext<HeadraceContext>().getPrincipal() === 'ann';
  }
}

@Injectable()
class Doubling implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: number) => value * 2));
  }
}

@Catch()
class AsText {
  catch(error: RpcException): Observable<never> {
    return throwError(() => `caught: ${error.message}`);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Counter {
  static made = 0;
  constructor() {
    Counter.made += 1;
  }
}

@Controller()
class Features {
  @MessagePattern('context')
  context(@Payload() _data: unknown, @Ctx() context: HeadraceContext): unknown {
    const { isActive } = context.getChannel();
    const { aborted } = context.getSignal();
    return { pattern: context.getPattern(), isActive, aborted, who: context.getPrincipal() };
  }

  @UseGuards(OnlyAnn)
  @MessagePattern('guarded')
  guarded(): string {
    return 'come in';
  }

  @UseInterceptors(Doubling)
  @MessagePattern('doubled')
  doubled(@Payload() number: number): number {
    return number;
  }

  @UseFilters(AsText)
  @MessagePattern('filtered')
  filtered(): never {
    throw new Error('raw');
  }

  @MessagePattern('metadata')
  metadata(@Payload() _data: unknown, @Ctx() context: HeadraceContext): unknown {
    return context.getMetadata();
  }

  @MessagePattern('ours', HEADRACE)
  ours(): string {
    return 'ours';
  }

  @MessagePattern('theirs', Transport.TCP)
  theirs(): string {
    return 'theirs';
  }
}

@Controller()
class PerRequest {
  constructor(readonly counter: Counter) {}

  @MessagePattern('made')
  made(): number {
    return Counter.made;
  }
}

describe('handlers', () => {
  it('get the connection, the pattern and a signal with @Ctx()', async () => {
    app = await NestApp.start([Features]);
    expect(await firstValueFrom(app.client().send('context', 0))).toEqual({
      pattern: 'context',
      isActive: true,
      aborted: false,
    });
  });

  it('stand behind guards, who know who signed in', async () => {
    app = await NestApp.start([Features], {
      authenticate: async (credentials) => ({ principal: credentials }),
    });
    const ann = app.client({ credentials: 'ann' });
    const bob = app.client({ credentials: async () => 'bob' });
    expect(await firstValueFrom(ann.send('guarded', 0))).toBe('come in');
    expect(await failureOf(bob.send('guarded', 0))).toEqual({
      status: 'error',
      message: 'Forbidden resource',
    });
  });

  it('work with interceptors and filters', async () => {
    app = await NestApp.start([Features]);
    const client = app.client();
    expect(await firstValueFrom(client.send('doubled', 21))).toBe(42);
    expect(await failureOf(client.send('filtered', 0))).toBe('caught: raw');
  });

  it('may be made for each request', async () => {
    Counter.made = 0;
    app = await NestApp.start([PerRequest], {}, [Counter]);
    const client = app.client();
    expect(await firstValueFrom(client.send('made', 0))).toBe(1);
    expect(await firstValueFrom(client.send('made', 0))).toBe(2);
  });

  it('may be meant for this transporter, or for another', async () => {
    app = await NestApp.start([Features]);
    const client = app.client();
    expect(await firstValueFrom(client.send('ours', 0))).toBe('ours');
    expect(await failureOf(client.send('theirs', 0))).toMatch(/no matching message handler/);
  });
});

describe('hooks', () => {
  it('see the beginning and the end of each request, and of one that is cancelled', async () => {
    app = await NestApp.start([Features]);
    const seen: string[] = [];
    app.server.setOnProcessingStartHook((_transport, context, done) => {
      seen.push(`begin ${(context as HeadraceContext).getPattern()}`);
      void done();
    });
    app.server.setOnProcessingEndHook(() => seen.push('end'));
    await firstValueFrom(app.client().send('doubled', 1));
    expect(seen).toEqual(['begin doubled', 'end']);
  });

  it('that throw are answered as an error of the server', async () => {
    app = await NestApp.start([Features]);
    app.server.setOnProcessingStartHook(() => {
      throw new Error('the hook is broken');
    });
    expect(await failureOf(app.client().send('doubled', 1))).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
  });
});

describe('a hook for the end that fails', () => {
  it.each([
    [
      'throws',
      (): void => {
        throw new Error('the end hook is broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the end hook is broken'))],
  ])('is logged when it %s, and the request is answered', async (_what, fails) => {
    app = await NestApp.start([Features]);
    app.server.setOnProcessingStartHook((_transport, _context, done) => void done());
    app.server.setOnProcessingEndHook(fails as () => void);
    const client = app.client();
    expect(await firstValueFrom(client.send('doubled', 1))).toBe(2);
    expect(await firstValueFrom(client.send('doubled', 2))).toBe(4);
  });
});

describe('clients', () => {
  it('come from ClientsModule, by register and registerAsync, and close with their application', async () => {
    app = await NestApp.start([Features]);
    const options = { servers: [{ network: app.network, name: 'app' }], logger: silentLogger };

    @Injectable()
    class Caller {
      constructor(
        @Inject('PLAIN') readonly plain: ClientProxy,
        @Inject('ASYNC') readonly made: ClientProxy,
      ) {}
    }
    @Module({
      imports: [
        ClientsModule.register([{ name: 'PLAIN', customClass: HeadraceClient, options }]),
        ClientsModule.registerAsync([
          { name: 'ASYNC', useFactory: async () => ({ customClass: HeadraceClient, options }) },
        ]),
      ],
      providers: [Caller],
    })
    class CallerModule {}
    const calling = await NestFactory.createApplicationContext(CallerModule, { logger: false });
    const { plain, made } = calling.get(Caller);
    expect(await firstValueFrom(plain.send('doubled', 2))).toBe(4);
    expect(await firstValueFrom(made.send('doubled', 3))).toBe(6);
    expect(app.server.unwrap().connections.size).toBe(2);
    await calling.close();
    await expect.poll(() => app.server.unwrap().connections.size).toBe(0);
  });
});

describe('a module', () => {
  it('may have this transporter several times, each with an id of its own', async () => {
    app = await NestApp.start([Features]);
    const network = new MemoryNetwork();
    const strategy = new HeadraceServer({
      bind: { network, name: 'other' },
      transportId: Symbol('other'),
    });
    @Module({ controllers: [Features] })
    class OtherModule {}
    const other = await NestFactory.createMicroservice(OtherModule, {
      useFactory: () => ({ strategy }),
      inject: [],
      logger: false,
    } as never);
    await other.listen();
    const client = new HeadraceClient({ servers: [{ network, name: 'other' }] });
    expect(await firstValueFrom(client.send('doubled', 2))).toBe(4);
    expect(await failureOf(client.send('ours', 0))).toMatch(/no matching message handler/);
    await client.close();
    await other.close();
  });
});

describe('a subclass of the client', () => {
  it('may change errors and answers, and attach metadata, as with the clients of Nest', async () => {
    class OwnClient extends HeadraceClient {
      /** Nest 12 has it; its hook writes the metadata. */
      createPacket(pattern: unknown, data: unknown): ReadPacket {
        return { pattern, data, metadata: { trace: 'abc' } } as ReadPacket;
      }
      override serializeError(error: unknown): unknown {
        return new RpcException(error as string);
      }
      override serializeResponse(response: unknown): unknown {
        return { response };
      }
    }
    app = await NestApp.start([Features]);
    const servers = [{ network: app.network, name: 'app' }];
    const client = new OwnClient({ servers });
    expect(await firstValueFrom(client.send('metadata', 0))).toEqual({
      response: { trace: 'abc' },
    });
    expect(await failureOf(client.send('filtered', 0))).toBeInstanceOf(RpcException);
    await client.close();
  });
});

describe('a deserializer that fails', () => {
  const broken = {
    deserialize: () => {
      throw new TypeError('cannot read this');
    },
  };
  const rejecting = { deserialize: async () => broken.deserialize() };

  it.each([
    ['throws', broken],
    ['rejects', rejecting],
  ])('at the server, for it %s, ends the connection', async (_how, deserializer) => {
    app = await NestApp.start([Features], { deserializer });
    const error = await failureOf(app.client().send('doubled', 1));
    expect(isHeadraceError(error, 'REQUEST_LOST')).toBe(true);
  });

  it.each([
    ['throws', broken],
    ['rejects', rejecting],
  ])('at the client, for it %s, ends the connection', async (_how, deserializer) => {
    app = await NestApp.start([Features]);
    const error = await failureOf(app.client({ deserializer }).send('doubled', 1));
    expect(isHeadraceError(error, 'REQUEST_LOST')).toBe(true);
  });
});
