// `npm run api`: writes the API reports.
import { fileURLToPath } from 'node:url';
import { writeApi } from './report.ts';

const count = writeApi(fileURLToPath(new URL('../..', import.meta.url)));
console.log(`api: ${count} reports in api/`);
