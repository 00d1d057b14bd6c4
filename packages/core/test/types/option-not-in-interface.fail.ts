// expect: Property 'loud' is missing in type
import { describeOptions, flag } from '@headrace/core/authoring';

interface Options {
  readonly strict?: boolean;
}
declare const options: Options;

const set = describeOptions('it', { strict: flag(), loud: flag() });
set.resolve(options);
