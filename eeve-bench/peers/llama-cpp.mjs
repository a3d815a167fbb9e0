// Speed and greedy tokens of llama.cpp on a GGUF file; run by llama-cpp.sh, which installs the package.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [command, modelPath, promptLength, decodeLength, threads] = process.argv.slice(2);
const prompt = Number(promptLength);
const decode = Number(decodeLength);

const llama = await getLlama({
  gpu: false,
  build: "never",
  logLevel: LlamaLogLevel.error,
  maxThreads: Number(threads)
});
const model = await llama.loadModel({modelPath, useMmap: false});
const context = await model.createContext({
  contextSize: prompt + decode + 8,
  batchSize: prompt,
  threads: Number(threads)
});
const sequence = context.getSequence();
// the ids `eeve bench` reads
const ids = Array.from({length: prompt}, (_, i) => (i * 7919) % model.fileInfo.tensorInfo
  .find(tensor => tensor.name === "token_embd.weight").dimensions[1]);

/** Greedy tokens after the prompt; times of the first one and of the others. */
async function run(count) {
  await sequence.clearHistory();
  const tokens = [];
  const start = performance.now();
  let first = 0;
  for await (const token of sequence.evaluate(ids, {temperature: 0, yieldEogToken: true})) {
    tokens.push(token);
    if (tokens.length === 1) first = performance.now() - start;
    if (tokens.length > count) break;
  }
  return {tokens, first, rest: performance.now() - start - first};
}

if (command === "tokens") {
  console.log(JSON.stringify({prompt: ids, tokens: (await run(decode - 1)).tokens}));
} else {
  await run(4);
  let best = {prompt: 0, decode: 0};
  for (let round = 0; round < 3; round++) {
    const {tokens, first, rest} = await run(decode);
    best = {
      prompt: Math.max(best.prompt, prompt / first * 1000),
      decode: Math.max(best.decode, (tokens.length - 1) / rest * 1000)
    };
  }
  console.log(JSON.stringify({
    prompt_tokens_per_s: best.prompt,
    decode_tokens_per_s: best.decode,
    llama_cpp: llama.llamaCppRelease
  }));
}
process.exit(0);
