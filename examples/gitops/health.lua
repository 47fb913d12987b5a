-- Health of a ModelDeployment or an AIPolicy, by the rules of kstatus. It reads only observedGeneration, Stalled,
-- Reconciling and Ready. It uses no library, because Argo CD loads none.
local health = { status = "Progressing", message = "Hemvist has not looked at it yet" }

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end
local ready = found["Ready"]
local stalled = found["Stalled"]
local reconciling = found["Reconciling"]

if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. ready.message

-- Stopped on purpose is neither healthy nor degraded.
if ready.reason == "Suspended" or ready.reason == "IncidentOpen" or ready.reason == "ScaledToZero" then
  health.status = "Suspended"
elseif stalled ~= nil and stalled.status == "True" then
  -- Nothing happens until somebody changes something: a refusal, or a value that cannot work.
  health.status = "Degraded"
  health.message = stalled.reason .. ": " .. stalled.message
elseif reconciling ~= nil and reconciling.status == "True" then
  health.status = "Progressing"
  health.message = reconciling.reason .. ": " .. reconciling.message
elseif ready.status == "True" then
  health.status = "Healthy"
end

return health
