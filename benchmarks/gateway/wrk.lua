-- Chat requests whose prompts never repeat; HEADERS is "name: value" lines.
local number = 0
local base = os.time() * 1000000
local headers = {["content-type"] = "application/json"}
for name, value in string.gmatch(os.getenv("HEADERS") or "", "([^:\n]+): ([^\n]+)") do headers[name] = value end
request = function()
  number = number + 1
  local text = "Question " .. (base + number) .. ": what is the capital of the country that was named last in the list above?"
  return wrk.format("POST", "/v1/chat/completions", headers, '{"model": "auto", "messages": [{"role": "user", "content": "' .. text .. '"}]}')
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
