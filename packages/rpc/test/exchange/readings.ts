import type { ExchangeFormat, ExchangeTypes } from '../../src/exchange/exchange-format.ts';

/** What a format makes of a message: one text for each call of its sink. */
export function readings<T extends ExchangeTypes>(
  format: ExchangeFormat<T>,
  message: T['reads'],
): string[] {
  const seen: string[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]): void => {
      seen.push([name, ...values.filter((value) => value !== undefined).map(textOf)].join(' '));
    };
  format.read(message, {
    request: note('request'),
    notification: note('notification'),
    response: note('response'),
    refusal: note('refusal'),
    cancel: note('cancel'),
    goAway: note('goAway'),
    reply: (...values) => {
      note('reply')(...values);
      return true;
    },
    streams: {
      open: note('open'),
      item: note('item'),
      inputEnd: note('inputEnd'),
      credit: note('credit'),
      window: note('window'),
    },
  });
  return seen;
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
