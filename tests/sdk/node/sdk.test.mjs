// The official Node SDK, unchanged, against real models in the embedded engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.TIERGATE_BASE_URL, apiKey: "none needed", maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"], additionalProperties: false },
  },
};

test("a whole answer and a stream say the same", async () => {
  const whole = await client.chat.completions.create({ model: "auto", messages, temperature: 0 });
  assert.match(whole.choices[0].message.content, /Paris/);
  assert.ok(whole.usage.total_tokens > 2);
  let text = "";
  let usage = null;
  const stream = await client.chat.completions.create({
    model: "auto", messages, temperature: 0, stream: true, stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.ok(usage.completion_tokens > 0);
});

test("log-probabilities, n and stop", async () => {
  const logged = await client.chat.completions.create({ model: "edge", messages, logprobs: true, top_logprobs: 2, max_tokens: 4 });
  assert.ok(logged.choices[0].logprobs.content.every((entry) => entry.top_logprobs.length === 2));
  const several = await client.chat.completions.create({ model: "edge", messages, n: 2, temperature: 1, stop: ["Paris"] });
  assert.equal(several.choices.length, 2);
  assert.ok(several.choices.every((choice) => !choice.message.content.includes("Paris")));
});

test("a forced tool call and a JSON schema", async () => {
  const called = await client.chat.completions.create({
    model: "long", messages: [{ role: "user", content: "What is the weather in Paris?" }], tools: [tool], tool_choice: "required",
  });
  const call = called.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
  const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false };
  const shaped = await client.chat.completions.create({
    model: "short", messages, response_format: { type: "json_schema", json_schema: { name: "ok", schema, strict: true } },
  });
  assert.equal(typeof JSON.parse(shaped.choices[0].message.content).ok, "boolean");
});

test("errors are the SDK's own kinds", async () => {
  await assert.rejects(client.chat.completions.create({ model: "gpt-9", messages }), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await assert.rejects(client.chat.completions.create({ model: "auto", messages: "hello" }), OpenAI.BadRequestError);
  const long = [{ role: "user", content: "word ".repeat(20000) }];
  await assert.rejects(client.chat.completions.create({ model: "edge", messages: long }), (error) => error.code === "context_length_exceeded");
  const wrong = new OpenAI({ baseURL: process.env.TIERGATE_KEYED_URL, apiKey: "tg-wrong", maxRetries: 0 });
  await assert.rejects(wrong.chat.completions.create({ model: "auto", messages }), OpenAI.AuthenticationError);
});

test("a stream that the caller leaves does no harm", async () => {
  const stream = await client.chat.completions.create({ model: "long", messages, stream: true });
  for await (const _ of stream) break;
  assert.ok((await client.models.list()).data.length > 3);
});

test("embeddings", async () => {
  const made = await client.embeddings.create({ model: "tiergate-embed", input: "a red apple" });
  assert.equal(made.data[0].embedding.length, 128);
});
