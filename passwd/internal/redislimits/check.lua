-- Returns 1 if the buckets can be written, and 0 if another instance names them by another key. KEYS[1] holds what the key of
-- that instance makes of a text, for ARGV[2] seconds after it was here last. ARGV[1] is the same of this instance.
local other = redis.call('GET', KEYS[1])
if other and other ~= ARGV[1] then
	return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
