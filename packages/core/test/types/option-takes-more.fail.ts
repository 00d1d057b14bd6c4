// expect: is not assignable to type '(first: never) => unknown'
import { describeOptions, fn } from '@headrace/core/authoring';

interface Options {
  readonly reply?: (message: string, more: number) => string;
}
declare const options: Options;

describeOptions('it', { reply: fn({ answers: 'sync' }) }).resolve(options);
