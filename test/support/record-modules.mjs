// Preloaded with --import: appends the URL of every module that is loaded to the file named by RECORD_MODULES.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(String(process.env['RECORD_MODULES']), `${url}\n`);
    return nextLoad(url, context);
  },
});
