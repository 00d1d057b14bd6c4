// What must not compile. `npm run check` fails when a line below an @ts-expect-error has no error.
import { handler, pipeline } from '@headrace/core';
import { RepeatFilterHandler } from './repeat-filter-handler.ts';

const strings = () => handler<{ reads: Buffer; passesOn: string }>({});
const readsNumbers = () => handler<{ reads: number; passesOn: never }>({});
const readsStrings = () => handler<{ reads: string; passesOn: never }>({});

const filtered = pipeline()
  .add(strings)
  .add(() => new RepeatFilterHandler<string>({ windowMs: 1000 }));

filtered.add(readsStrings);
// @ts-expect-error it passes strings on, not numbers
filtered.add(readsNumbers);

// @ts-expect-error Buffers come here, not strings
pipeline().add(() => new RepeatFilterHandler<string>({ windowMs: 1000 }));

// @ts-expect-error windowMs is missing
void (() => new RepeatFilterHandler<string>({}));
