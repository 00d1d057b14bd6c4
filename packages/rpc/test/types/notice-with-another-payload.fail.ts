// expect: Type 'number' is not assignable to type 'string'
import { defineService, notice, noticesOf } from '@headrace/rpc';
import * as z from 'zod';

const players = defineService('players', { question: notice(z.object({ text: z.string() })) });
noticesOf(players).question({ text: 42 }); // here
