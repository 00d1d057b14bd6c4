// `npm run cluster-chat`: a line for the person who waits, and then the program, whose modules take seconds to load.
import cluster from 'node:cluster';

if (cluster.isPrimary) console.log('cluster-chat: three nodes start, in some seconds …');
await import('./main.ts');
