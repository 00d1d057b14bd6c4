#!/usr/bin/env node
// The program is one of the package `@headrace/service-check` now.
process.stderr.write(
  'headrace: check-service and print-service are commands of @headrace/service-check now: ' +
    'npm install --save-dev @headrace/service-check, then npx headrace-service-check\n',
);
process.exitCode = 2;
