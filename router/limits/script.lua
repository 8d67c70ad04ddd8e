-- Rates and pots of all gateways: every ask of a batch in one round trip, each granted whole or not at all.
--
-- KEYS      the pots, then the rates.
-- ARGV[1]   JSON: source, now_us (0: this server's clock), pots, rates, corrections, asks.
--   pots         for each: what this gateway itself has {spent, reserved, unpriced} and the key's life in ms.
--   rates        for each: the limit a minute.
--   corrections  {rate, cost}: charged whatever the limit.
--   asks         {charges: {{rate, cost}}, draws: {{pot, amount, cap}}}; places count from 1, a cap below 0 is none.
-- returns     now_us; for each pot what the others have: {spent, reserved, unpriced}; for each ask {draw, over, rates}:
--             the draw that was refused or 0, 1 where the charge itself was too much, {remaining, reset_us, wait_us}.
--
-- A gateway's own figures are written as they are, never added to: a lost reply counts nothing twice, and a server
-- that forgot everything learns it again. The arithmetic of rates is that of gcra.py, on the same doubles.

local MINUTE_US = 60000000
local asked = cjson.decode(ARGV[1])
local now = asked.now_us
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local pots, others = {}, {}
for place, own in ipairs(asked.pots) do
  local spent, reserved, unpriced = 0, 0, 0
  local fields = redis.call('HGETALL', KEYS[place])
  for at = 1, #fields, 2 do
    if fields[at] ~= asked.source then
      local s, r, u = string.match(fields[at + 1], '^(-?%d+) (-?%d+) (-?%d+)$')
      spent, reserved, unpriced = spent + tonumber(s), reserved + tonumber(r), unpriced + tonumber(u)
    end
  end
  others[place] = {spent, reserved, unpriced}
  pots[place] = {own = own[2], used = spent + reserved + own[1] + own[2]}
end

local first_rate = #asked.pots
local tats = {}
for place = 1, #asked.rates do
  tats[place] = tonumber(redis.call('GET', KEYS[first_rate + place]) or '0')
end

local function charged(rate, cost)
  return math.max(tats[rate], now) + cost * (MINUTE_US / asked.rates[rate])
end

for _, correction in ipairs(asked.corrections) do
  tats[correction[1]] = charged(correction[1], correction[2])
end

local function told(rate, refused)
  local used = math.max(0, tats[rate] - now)
  local remaining = math.max(0, math.floor((MINUTE_US - used) / (MINUTE_US / asked.rates[rate])))
  local wait = 0
  if refused then wait = math.ceil(refused - now - MINUTE_US) end
  return {remaining, math.ceil(used), wait}
end

local function answer(ask)
  local after, late, refused = {}, {}, 0
  for place, charge in ipairs(ask.charges) do
    after[place] = charged(charge[1], charge[2])
    if after[place] - now > MINUTE_US then late[place] = after[place] end
  end
  if next(late) == nil then
    for place, draw in ipairs(ask.draws) do
      local pot, amount, cap = pots[draw[1]], draw[2], draw[3]
      if cap >= 0 and amount ~= 0 and pot.used + amount > cap then
        refused = place
        break
      end
    end
    if refused == 0 then
      for place, charge in ipairs(ask.charges) do tats[charge[1]] = after[place] end
      for _, draw in ipairs(ask.draws) do
        local pot = pots[draw[1]]
        pot.own, pot.used = pot.own + draw[2], pot.used + draw[2]
      end
    end
  end
  local rates, over = {}, {}
  for place, charge in ipairs(ask.charges) do
    rates[place] = told(charge[1], late[place])
    over[place] = late[place] and 1 or 0
  end
  return {refused, over, rates}
end

local answers = {}
for place, ask in ipairs(asked.asks) do answers[place] = answer(ask) end

for place, own in ipairs(asked.pots) do
  local figures = string.format('%.0f %.0f %.0f', own[1], pots[place].own, own[3])
  redis.call('HSET', KEYS[place], asked.source, figures)
  redis.call('PEXPIRE', KEYS[place], own[4])
end
for place = 1, #asked.rates do
  if tats[place] > now then
    local life_ms = math.ceil((tats[place] - now) / 1000) + 60000
    redis.call('SET', KEYS[first_rate + place], string.format('%.17g', tats[place]), 'PX', life_ms)
  else
    redis.call('DEL', KEYS[first_rate + place])
  end
end
return {now, others, answers}
