-- Takes the charge of an attempt back. KEYS and ARGV are those of the charge.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
for i, key in ipairs(KEYS) do
	local full = (tonumber(redis.call('GET', key) or '') or now) - ARGV[2 * i]
	if full > now then
		redis.call('SET', key, string.format('%.0f', full), 'PX', string.format('%.0f', math.ceil((full - now) / 1000)))
	else
		redis.call('DEL', key)
	end
end
return {}
