#!/usr/bin/env node
// The program is one of `@headrace/handlers`; it is only started here.
import { main } from '@headrace/handlers/service/cli';

void main();
