-- Charges an attempt to all buckets, or to none. KEYS are the buckets, ARGV for each its burst and its interval in
-- microseconds. Returns 0, or the microseconds until the first bucket without room has some, and the index of that bucket.
--
-- A bucket is the time at which it is full again, in microseconds of the clock of this server. It is gone by then.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full = {}
for i, key in ipairs(KEYS) do
	local burst, interval = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
	local stored = tonumber(redis.call('GET', key) or '') or now
	-- No bucket takes longer to fill than an empty one, even if the clock was set back.
	full[i] = math.min(math.max(stored, now), now + burst * interval)
	local wait = full[i] - now - (burst - 1) * interval
	if wait > 0 then
		return {wait, i - 1}
	end
end
for i, key in ipairs(KEYS) do
	local charged = full[i] + ARGV[2 * i]
	-- Not tostring, which keeps 14 digits of the 16.
	redis.call('SET', key, string.format('%.0f', charged), 'PX', string.format('%.0f', math.ceil((charged - now) / 1000)))
end
return {0, 0}
