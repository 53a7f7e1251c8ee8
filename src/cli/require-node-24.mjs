// Plain JavaScript that the oldest Node understands: the rest of the code needs type stripping and fails obscurely without it.
// `npm ci` brings Node 24 along as a package and npm's scripts find it first; where it is missing, say so at once.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `error: gvisor-injector needs Node 24 or later, this is Node ${process.versions.node} (${process.execPath})\n` +
      "hint: run 'npm ci' without --omit=optional and start through npm (npm run demo, npm test), or install Node 24\n",
  );
  process.exit(2);
}
