import { EmbeddedChannel } from '@headrace/core/testing';
import { WebSocketTextCodec } from '@headrace/websocket';
import { expect, it } from 'vitest';
import { NewsHandler } from '../../src/client/news-handler.ts';
import type { PageMessage } from '../../src/page-line/page-message.ts';

it('hands over what it understands of the page’s own line, drops the rest, and passes texts on', () => {
  const news: PageMessage[] = [];
  const channel = new EmbeddedChannel(
    new NewsHandler((one) => news.push(one)),
    new WebSocketTextCodec(),
  );
  const bytes = (text: string): Buffer => Buffer.from(text);
  channel.writeInbound(bytes('{"kind":"ways","ways":{"ada":"page"}}'));
  channel.writeInbound(bytes('{"kind":"of the future"}'), bytes('{"kind'), bytes('null'));
  channel.writeInbound('MSG:bob:{"kind":"ways"}');
  expect(news).toEqual([{ kind: 'ways', ways: { ada: 'page' } }]);
  expect(channel.readInbound()).toBe('MSG:bob:{"kind":"ways"}');
  expect(channel.readInbound()).toBeUndefined();
});
