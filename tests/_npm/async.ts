// @ts-types="./async.d.ts"
export * from "npm:deno-std@1.3.0/async/mod.js";
