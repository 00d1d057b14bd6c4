// expect: Property 'anwser' does not exist on type 'ServiceNotices<
import { defineService, notice, noticesOf } from '@headrace/rpc';
import * as z from 'zod';

const players = defineService('players', { answer: notice(z.object({ text: z.string() })) });
noticesOf(players).anwser({ text: 'yes' }); // here
