// The comparison of two descriptions of a service: effects on a client of the older description at a server of the newer one.

import type { JsonSchema, MethodDescription, ServiceDescription } from '@headrace/rpc';
import type { Difference } from './difference.ts';
import { memberChanges } from './member-changes.ts';
import { own, type SchemaNode, sameJson, sameMeaning } from './schema-node.ts';
import { differencesOf } from './schema-subset.ts';

/** One change between a description and a newer description. */
export interface ServiceChange {
  /** Place of the change, for example `prices.quote.input.symbol`. */
  readonly place: string;
  /** Description of the change and its effect. */
  readonly text: string;
  /** Whether a client of the older description fails, or may fail, with a server of the newer description. */
  readonly breaks: boolean;
}

/**
 * Returns the changes between two descriptions of a service, and whether each change breaks a client of the older description.
 *
 * The newer server must accept the client's input, and the older client must accept the server's output. The comparison is
 * conservative: changes that cannot be compared count as breaks, and the result says so. A client sends no members that its
 * schema does not name, and removes unknown members, unless its schema has `additionalProperties`.
 *
 * @example
 * ```ts run
 * import { compareServices } from '@headrace/service-check';
 *
 * const method = (symbol: object) => ({
 *   kind: 'call' as const,
 *   input: { type: 'object', properties: { symbol }, required: ['symbol'] },
 *   output: { type: 'number' },
 * });
 * const older = { service: 'prices', methods: { quote: method({ type: 'string' }) }, errors: {} };
 * const newer = { ...older, methods: { quote: method({ type: 'string', maxLength: 4 }) } };
 * for (const { place, text, breaks } of compareServices(older, newer)) console.log(breaks, place, text);
 * // prints true prices.quote.input.symbol an old client may send a string, the server takes only maxLength 4
 * ```
 */
export function compareServices(
  older: ServiceDescription,
  newer: ServiceDescription,
): readonly ServiceChange[] {
  return [
    ...nameChanges(older, newer),
    ...methodChanges(older, newer),
    ...errorChanges(older, newer),
  ];
}

const breaking = (place: string, text: string): ServiceChange => ({ place, text, breaks: true });
const allowed = (place: string, text: string): ServiceChange => ({ place, text, breaks: false });

function nameChanges(older: ServiceDescription, newer: ServiceDescription): ServiceChange[] {
  if (older.service === newer.service) return [];
  const text = `the service is ${newer.service} now: the server knows no method that an old client calls`;
  return [breaking(older.service, text)];
}

function methodChanges(older: ServiceDescription, newer: ServiceDescription): ServiceChange[] {
  const changes: ServiceChange[] = [];
  for (const [name, before] of Object.entries(older.methods)) {
    const place = `${older.service}.${name}`;
    const after = own(newer.methods, name);
    if (after === undefined) {
      changes.push(breaking(place, 'removed: an old client that calls it is refused'));
    } else changes.push(...changesWithin(place, before, after));
  }
  for (const name of Object.keys(newer.methods)) {
    if (own(older.methods, name) !== undefined) continue;
    changes.push(allowed(`${older.service}.${name}`, 'new: no old client calls it'));
  }
  return changes;
}

function changesWithin(
  place: string,
  before: MethodDescription,
  after: MethodDescription,
): ServiceChange[] {
  const changes: ServiceChange[] = [];
  if (before.kind !== after.kind) {
    changes.push(
      breaking(
        place,
        `was a ${before.kind} and is a ${after.kind}: an old client waits for another answer`,
      ),
    );
  }
  changes.push(...idempotentChanges(place, before, after));
  changes.push(...inputChanges(`${place}.input`, before.input, after.input));
  if (before.output !== undefined && after.output !== undefined) {
    changes.push(...outputChanges(`${place}.output`, before.output, after.output));
  } else if (before.output !== undefined && before.kind === after.kind) {
    changes.push(breaking(`${place}.output`, 'removed: an old client waits for it'));
  } else if (after.output !== undefined && before.kind === after.kind) {
    changes.push(allowed(`${place}.output`, 'new: an old client does not look at it'));
  }
  if (before.items !== undefined && after.items !== undefined) {
    changes.push(...inputChanges(`${place}.items`, before.items, after.items));
  } else if (before.items !== undefined) {
    changes.push(
      breaking(
        `${place}.items`,
        'removed: an old client sends items that the server does not read',
      ),
    );
  } else if (after.items !== undefined) {
    changes.push(breaking(`${place}.items`, 'new: an old client sends no items'));
  }
  return changes;
}

/** Returns the changes of `idempotent`. A client that knows it repeats the call, or continues the stream by another call. */
function idempotentChanges(
  place: string,
  before: MethodDescription,
  after: MethodDescription,
): ServiceChange[] {
  const isStream = before.kind === 'stream';
  const { idempotent: was = false } = before;
  const { idempotent: is = false } = after;
  if (was === is) return [];
  if (was && isStream) {
    return [breaking(place, 'could be continued and cannot: an old client may get items twice')];
  }
  if (was) {
    const text = 'was idempotent and is not: an old client may have it carried out twice';
    return [breaking(place, text)];
  }
  const text = isStream
    ? 'can be continued now: an old client does not continue it'
    : 'is idempotent now: an old client does not repeat it';
  return [allowed(place, text)];
}

/** Returns the changes of inputs. The newer server must accept every value that an older client sends, and must not ignore it. */
function inputChanges(place: string, older: JsonSchema, newer: JsonSchema): ServiceChange[] {
  const [before, after] = [whole(older), whole(newer)];
  const refused = differencesOf(before, after).map((difference) =>
    refusal(place, difference, 'an old client may send', 'the server takes'),
  );
  const others = memberChanges(before, after)
    .filter(({ path }) => !refused.some((change) => change.place === place + path))
    .map(({ path, kind }) =>
      kind === 'added'
        ? allowed(place + path, 'new: an old client does not send it')
        : breaking(place + path, 'removed: the server ignores what an old client sends here'),
    );
  const text = 'the server accepts everything that an old client sends';
  return withRest(place, before, after, [...refused, ...others], text);
}

/** Returns the changes of outputs. The older client must accept every value that the newer server sends. */
function outputChanges(place: string, older: JsonSchema, newer: JsonSchema): ServiceChange[] {
  const [before, after] = [whole(older), whole(newer)];
  const refused = differencesOf(after, before).map((difference) =>
    refusal(place, difference, 'the server may send', 'an old client takes'),
  );
  const others = memberChanges(before, after)
    .filter(({ path }) => !refused.some((change) => change.place === place + path))
    .map(({ path, kind }) =>
      allowed(
        place + path,
        kind === 'added'
          ? 'new: an old client does not look at it'
          : 'removed: an old client can do without',
      ),
    );
  const text = 'an old client accepts everything that the server sends';
  return withRest(place, before, after, [...refused, ...others], text);
}

const whole = (schema: JsonSchema): SchemaNode => ({ schema, root: schema });

function refusal(
  place: string,
  { path, given, taken, isCertain }: Difference,
  gives: string,
  takes: string,
): ServiceChange {
  const text = isCertain ? `${gives} ${given}, ${takes} ${taken}` : `cannot be compared: ${taken}`;
  return breaking(place + path, text);
}

/** Adds a change of the whole schema, if no other change was found. */
function withRest(
  place: string,
  before: SchemaNode,
  after: SchemaNode,
  changes: ServiceChange[],
  text: string,
): ServiceChange[] {
  if (changes.length > 0 || sameJson(before.schema, after.schema)) return changes;
  const what = sameMeaning(before, after) ? 'documented in other words' : `changed: ${text}`;
  return [allowed(place, what)];
}

function errorChanges(older: ServiceDescription, newer: ServiceDescription): ServiceChange[] {
  const changes: ServiceChange[] = [];
  for (const [name, code] of Object.entries(older.errors)) {
    const place = `${older.service}.errors.${name}`;
    const now = own(newer.errors, name);
    if (now === undefined) {
      changes.push(
        breaking(place, `removed: an old client that looks for ${code} gets another error`),
      );
    } else if (now !== code) {
      changes.push(
        breaking(place, `its code was ${code} and is ${now}: an old client does not know it`),
      );
    }
  }
  for (const [name, code] of Object.entries(newer.errors)) {
    const place = `${older.service}.errors.${name}`;
    const [meant] = Object.entries(older.errors).find(([, one]) => one === code) ?? [];
    if (meant !== undefined && meant !== name) {
      changes.push(
        breaking(place, `its code ${code} was that of ${meant}: an old client takes it for that`),
      );
    } else if (own(older.errors, name) === undefined) {
      changes.push(allowed(place, `new: an old client sees the code ${code}, without a name`));
    }
  }
  return changes;
}
