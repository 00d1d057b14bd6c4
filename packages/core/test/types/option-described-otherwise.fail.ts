// expect: Type 'number' is not assignable to type 'boolean | undefined'
import { describeOptions, flag } from '@headrace/core/authoring';

declare const options: { readonly strict?: number };

describeOptions('it', { strict: flag({ default: false }) }).resolve(options);
