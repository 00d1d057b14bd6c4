import { describeService } from '@headrace/rpc';
import { toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { prices } from './valibot-service.ts';

/** What the program prints: this module exports no service, which prints nothing by itself. */
export const described = describeService(prices, (schema) =>
  toJsonSchema(schema as unknown as GenericSchema, { target: 'draft-2020-12', typeMode: 'input' }),
);
