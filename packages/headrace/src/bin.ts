#!/usr/bin/env node
import { main } from '@headrace/cli';

void main();
