{{- define "hemvist.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hemvist.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "hemvist.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "hemvist.operator.fullname" -}}
{{- printf "%s-operator" (include "hemvist.fullname" .) -}}
{{- end -}}

{{- define "hemvist.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hemvist.operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must be set where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hemvist.rootNamespace" -}}
{{- default .Release.Namespace .Values.policy.rootNamespace -}}
{{- end -}}

{{- define "hemvist.image" -}}
{{- $image := .Values.operator.image -}}
{{- include "hemvist.imageReference" (list .Values.global.imageRegistry $image (default .Chart.AppVersion $image.tag)) -}}
{{- end -}}

{{- define "hemvist.proxyImage" -}}
{{- $image := .Values.proxy.image -}}
{{- include "hemvist.imageReference" (list .Values.global.imageRegistry $image $image.tag) -}}
{{- end -}}

{{/* A reference of registry, image and tag. */}}
{{- define "hemvist.imageReference" -}}
{{- $image := index . 1 -}}
{{- $reference := printf "%s/%s:%s" (index . 0) $image.repository (index . 2) -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $reference $image.digest -}}
{{- else -}}
{{- $reference -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "hemvist.labels" -}}
app.kubernetes.io/name: {{ include "hemvist.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: hemvist
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels by which the operator's pods are found. They never change within a release. */}}
{{- define "hemvist.operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hemvist.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* The settings of the operator about its cluster, by the names of `hemvist policy compile`. */}}
{{- define "hemvist.admission.arguments" -}}
{{- $admission := .Values.admission -}}
- --admission={{ ternary "Enforce" "Off" $admission.enabled }}
- --operator-user={{ include "hemvist.operator.user" . }}
- --schedulers={{ join "," $admission.schedulers }}
- --scheduler-names={{ join "," $admission.schedulerNames }}
- --pod-makers={{ join "," $admission.podMakers }}
- --replica-set-makers={{ join "," $admission.replicaSetMakers }}
- --cluster-controller-groups={{ join "," $admission.clusterControllerGroups }}
- --autoscalers={{ join "," $admission.autoscalers }}
- --clearance-groups={{ join "," $admission.clearanceGroups }}
- --other-resources={{ join "," $admission.otherResources }}
- --other-runtime-classes={{ join "," $admission.otherRuntimeClasses }}
{{- end -}}

{{/* The operator, as the API server knows it. */}}
{{- define "hemvist.operator.user" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "hemvist.serviceAccountName" .) -}}
{{- end -}}

{{/*
An object of files/admission/closed.yaml as JSON, with the values of this installation in it. There a list with one name
stands for a list: in CEL ('~x~'), in JSON ("~x~") and in words (~x~). No value may hold a sign with a meaning in CEL, JSON
or a regular expression; values.schema.json sees to that. The order of names is that of the compiler.
*/}}
{{- define "hemvist.admission.filled" -}}
{{- $values := .chart.Values -}}
{{- $admission := $values.admission -}}
{{- $json := .json -}}
{{- $prefixes := list -}}
{{- range $prefix := sortAlpha $admission.otherResources -}}
{{- $prefixes = append $prefixes (printf "|^%s" ($prefix | replace "." `\\\\.` | replace "-" `\\\\-`)) -}}
{{- end -}}
{{- $json = replace "|^@otherResources@" (join "" $prefixes) $json -}}
{{- $lists := dict
      "ungovernedNamespaces" $values.policy.ungovernedNamespaces
      "schedulers" $admission.schedulers
      "schedulerNames" $admission.schedulerNames
      "podMakers" $admission.podMakers
      "replicaSetMakers" $admission.replicaSetMakers
      "clusterControllerGroups" $admission.clusterControllerGroups
      "autoscalers" $admission.autoscalers
      "clearanceGroups" $admission.clearanceGroups
      "otherRuntimeClasses" $admission.otherRuntimeClasses -}}
{{- if not $prefixes -}}
{{- fail "admission.otherResources must not be empty" -}}
{{- end -}}
{{- range $name, $stated := $lists -}}
{{- if not $stated -}}
{{- fail (printf "%s must not be empty" $name) -}}
{{- end -}}
{{- $list := sortAlpha $stated -}}
{{- $words := join ", " (slice $list 0 (min 8 (len $list))) -}}
{{- if gt (len $list) 8 -}}
{{- $words = printf "%s and %d more" $words (sub (len $list) 8) -}}
{{- end -}}
{{- $json = replace (printf "'~%s~'" $name) (printf "'%s'" (join "', '" $list)) $json -}}
{{- $json = replace (printf `"~%s~"` $name) (printf `"%s"` (join `","` $list)) $json -}}
{{- $json = replace (printf "~%s~" $name) $words $json -}}
{{- end -}}
{{- $json = replace "~rootNamespace~" (include "hemvist.rootNamespace" .chart) $json -}}
{{- replace "~operatorUser~" (include "hemvist.operator.user" .chart) $json -}}
{{- end -}}
