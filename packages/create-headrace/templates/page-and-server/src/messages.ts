// The messages, for the server and the page: types for the compiler, and a check of each one that comes in.
import { z } from 'zod';

/** From a page. */
export const Say = z.discriminatedUnion('type', [
  z.object({ type: z.literal('join'), name: z.string().trim().min(1).max(30) }),
  z.object({ type: z.literal('say'), text: z.string().trim().min(1).max(2000) }),
]);
export type Say = z.infer<typeof Say>;

/** To a page. */
export const Told = z.discriminatedUnion('type', [
  z.object({ type: z.literal('here'), names: z.array(z.string()) }),
  z.object({ type: z.literal('said'), from: z.string(), text: z.string() }),
]);
export type Told = z.infer<typeof Told>;
