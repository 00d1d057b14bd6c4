// Firefox by WebDriver BiDi, as much of it as the tests need: playwright-core asks for commands that its ESR does not have.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Channel, handler } from '@headrace/core';
import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
import type { DrivenBrowser, DrivenPage } from './driven-page.ts';

type Answer = Readonly<Record<string, unknown>>;

interface Waiting {
  resolve(value: Answer): void;
  reject(error: Error): void;
}

/** Commands to the browser, each with its answer. */
class Commands {
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private channel!: Channel;

  async connect(url: string): Promise<void> {
    const answers = handler<{ reads: string; passesOn: never }>({
      channelRead: (_ctx, text) => this.answered(JSON.parse(text) as Answer),
      channelInactive: () => this.lost(),
    });
    const bootstrap = new WebSocketBootstrap().handler(({ pipeline }) =>
      pipeline.addLast(new WebSocketTextCodec(), answers),
    );
    this.channel = (await bootstrap.connect(url)) as unknown as Channel;
  }

  send(method: string, params: object): Promise<Answer> {
    this.last += 1;
    const id = this.last;
    this.channel.writeAndFlush(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  private answered(message: Answer): void {
    const id = Number(message['id']);
    const answer = this.waiting.get(id);
    this.waiting.delete(id);
    if (message['type'] === 'error') answer?.reject(new Error(JSON.stringify(message)));
    else answer?.resolve(message['result'] as Answer);
  }

  private lost(): void {
    for (const { reject } of this.waiting.values()) reject(new Error('Firefox has gone'));
    this.waiting.clear();
  }
}

function pageOf(commands: Commands, context: unknown): DrivenPage {
  const wait = 'complete';
  const evaluate: DrivenPage['evaluate'] = async (expression) => {
    const { result, exceptionDetails } = await commands.send('script.evaluate', {
      expression: `(async () => JSON.stringify([await (${expression})]))()`,
      target: { context },
      awaitPromise: true,
    });
    if (result === undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (JSON.parse((result as { value: string }).value) as unknown[])[0];
  };
  return {
    evaluate,
    goto: (url) => commands.send('browsingContext.navigate', { context, url, wait }),
    reload: () => commands.send('browsingContext.reload', { context, wait }),
    close: () => commands.send('browsingContext.close', { context }),
    // The ESR has no command for it: the page hears the events, and no more.
    offline: (isOffline) =>
      evaluate(`dispatchEvent(new Event('${isOffline ? 'offline' : 'online'}'))`),
  };
}

async function addressOf(process: ChildProcess): Promise<string> {
  for await (const line of createInterface(process.stderr!)) {
    const [, url] = /^WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    process.stderr!.resume();
    return `${url}/session`;
  }
  throw new Error('Firefox has ended before it listened');
}

export async function launchFirefox(path: string): Promise<DrivenBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'headrace-firefox-'));
  const process = spawn(path, ['--headless', '--remote-debugging-port=0', '--profile', profile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(process, 'exit');
  const commands = new Commands();
  await commands.connect(await addressOf(process));
  await commands.send('session.new', { capabilities: {} });
  return {
    newPage: async () => {
      const { context } = await commands.send('browsingContext.create', { type: 'tab' });
      return pageOf(commands, context);
    },
    close: async () => {
      process.kill();
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
