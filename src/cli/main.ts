#!/usr/bin/env node
import { type Commands, runProgram } from './program.ts';

const COMMANDS: Commands = {
  serve: async () => (await import('./serve.ts')).serve,
  inject: async () => (await import('./inject.ts')).inject,
  check: async () => (await import('./check.ts')).check,
  audit: async () => (await import('./audit.ts')).audit,
  render: async () => (await import('./render.ts')).render,
  node: async () => (await import('./node.ts')).node,
  demo: async () => (await import('./demo.ts')).demo,
};

// No top-level await: the bundle is CommonJS.
void runProgram(COMMANDS);
