// expect: is not assignable to type 'never'
import { describeOptions, flag } from '@headrace/core/authoring';

interface Options {
  readonly strict?: boolean;
  readonly loud?: boolean;
}
declare const options: Options;

describeOptions('it', { strict: flag({ default: false }) }).resolve(options);
