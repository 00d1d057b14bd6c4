// Writes one report for each entry of the packages: `node write.mjs ROOT FOLDER ENTRIES`, where ENTRIES is JSON,
// [{ report, folder, types }]. Prints what is wrong as JSON, [{ report, id, text, place }]. Plain JavaScript: it runs with
// what is installed beside it, TypeScript 6.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const [root, reportFolder, entries] = process.argv.slice(2);
const NONE = { default: { logLevel: 'none' } };
const problems = [];

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

for (const { report, folder, types } of JSON.parse(entries)) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: types,
      compiler: { overrideTsconfig: { compilerOptions, files: [types] } },
      apiReport: {
        enabled: true,
        reportFolder,
        reportTempFolder: join(reportFolder, 'temporary'),
        reportFileName: report,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      // Comments are checked elsewhere (cards, examples): the report is about names and types.
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          ...NONE,
          'ae-forgotten-export': { logLevel: 'error', addToApiReportFile: false },
        },
        tsdocMessageReporting: NONE,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel !== 'error') return;
      const { messageId: id, text } = message;
      problems.push({ report, id, text, place: message.formatMessageWithLocation(root) });
    },
  });
  // A member without a comment is no fault: its name and type say everything.
  const path = config.reportFilePath;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^ *\/\/ \(undocumented\)\n/gm, ''));
}
process.stdout.write(JSON.stringify(problems));
