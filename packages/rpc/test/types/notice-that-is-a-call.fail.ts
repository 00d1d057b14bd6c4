// expect: Property 'ready' does not exist on type 'ServiceNotices<
import { call, defineService, noticesOf } from '@headrace/rpc';
import * as z from 'zod';

const players = defineService('players', { ready: call(z.object({}), z.boolean()) });
noticesOf(players).ready({}); // here
