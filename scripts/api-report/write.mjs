// Writes one report for each entry of the packages: `node write.mjs ROOT FOLDER ENTRIES`, where ENTRIES is
// JSON, [{ name, folder, types }]. Plain JavaScript: it runs with what is installed beside it, TypeScript 6.
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const [root, reportFolder, entries] = process.argv.slice(2);
const NONE = { default: { logLevel: 'none' } };
let failed = false;

for (const { name, folder, types } of JSON.parse(entries)) {
  const projectFolder = join(root, folder);
  const entry = join(root, types);
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
    strict: true,
    skipLibCheck: true,
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder,
      mainEntryPointFilePath: entry,
      compiler: { overrideTsconfig: { compilerOptions, files: [entry] } },
      apiReport: {
        enabled: true,
        reportFolder,
        reportTempFolder: join(reportFolder, 'temporary'),
        reportFileName: name,
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      // Comments are checked elsewhere (cards, examples): the report is about names and types.
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: NONE,
        tsdocMessageReporting: NONE,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(projectFolder, 'package.json'),
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel !== 'error') return;
      failed = true;
      process.stderr.write(`${name}: ${message.formatMessageWithLocation(root)}\n`);
    },
  });
}
process.exitCode = failed ? 1 : 0;
