// Schemas whose types are too long for a message of the compiler.
import { z } from 'zod';

const address = z.object({
  street: z.string(),
  city: z.string(),
  zip: z.string().optional(),
  country: z.enum(['DE', 'FR', 'US']),
});
const order = z.object({
  kind: z.literal('order'),
  id: z.string(),
  at: z.number(),
  buyer: z.object({ name: z.string(), mail: z.string(), address }),
  lines: z.array(z.object({ article: z.string(), count: z.number(), note: z.string().nullable() })),
  state: z.enum(['open', 'paid', 'sent', 'returned']),
  currency: z.string(),
  total: z.number(),
  isGift: z.boolean(),
  tags: z.array(z.string()),
  rates: z.record(z.string(), z.number()),
  place: z.union([z.string(), z.number(), z.object({ x: z.number(), y: z.number() })]),
  comment: z.string().nullable(),
  version: z.bigint(),
  channel: z.string(),
});
const hello = z.object({ kind: z.literal('hello'), name: z.string(), since: z.number(), address });
const post = z.object({ kind: z.literal('post'), text: z.string(), room: z.string(), address });

export const fromPage = z.discriminatedUnion('kind', [order, hello, post]);
export type FromPage = z.infer<typeof fromPage>;

export const toPage = z.object({
  orders: z.array(order),
  accepted: z.boolean(),
  from: address,
  reason: z.string().optional(),
});
export type ToPage = z.infer<typeof toPage>;
