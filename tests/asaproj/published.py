"""The keys that files of published projects have, as the VS Code tools wrote them, each with where it was read.

Keys inside of another are joined to it by a dot. Azure is not here, so a project that we write is held to these.
"""

from __future__ import annotations

#: aessam01/asa-tadtaplt-resort-dev, JoaoGama-dev/EventHubAsaCaminhoesSA
PROJECT = {"name", "startFile", "configurations", "configurations.filePath", "configurations.subType"}

#: JoaoGama-dev/EventHubAsaCaminhoesSA, sandervandevelde/ASA-Inactive-Devices-Notifications; the page job-config-json
JOB_CONFIG = {
    *("ScriptType", "DataLocale", "OutputErrorPolicy", "EventsLateArrivalMaxDelayInSeconds"),
    *("EventsOutOfOrderMaxDelayInSeconds", "EventsOutOfOrderPolicy", "Sku", "Sku.Name", "Sku.StreamingUnits"),
    *("CompatibilityLevel", "UseSystemAssignedIdentity", "GlobalStorage", "GlobalStorage.AccountName"),
    *("GlobalStorage.AccountKey", "GlobalStorage.AuthenticationMode", "ContentStoragePolicy", "CustomCodeStorage"),
    *("CustomCodeStorage.AccountName", "CustomCodeStorage.AccountKey", "CustomCodeStorage.ContainerName"),
    *("CustomCodeStorage.Path", "VirtualNetworkConfiguration", "VirtualNetworkConfiguration.VirtualNetworkName"),
    *("VirtualNetworkConfiguration.SubnetResourceId", "DataSourceCredentialDomain", "Tags"),
}

_EVENT_HUB = {
    *("EventHubProperties", "EventHubProperties.ServiceBusNamespace", "EventHubProperties.EventHubName"),
    *("EventHubProperties.SharedAccessPolicyName", "EventHubProperties.SharedAccessPolicyKey"),
    "EventHubProperties.AuthenticationMode",
}

#: JoaoGama-dev/EventHubAsaCaminhoesSA, Inputs/eventhubcaminhoessa.json; aessam01/asa-tadtaplt-resort-dev, Inputs
EVENT_HUB_INPUT = {
    *("Name", "Type", "DataSourceType", *_EVENT_HUB, "EventHubProperties.ConsumerGroupName"),
    *("DataSourceCredentialDomain", "Serialization", "Serialization.Type", "Serialization.Encoding"),
    *("PartitionKey", "CompressionType", "ScriptType"),
}

#: Azure/azure-stream-analytics, Samples/OnnxExample/ASAUDF/Inputs/RegionReferenceData.json
REFERENCE_INPUT = {
    *("Name", "Type", "DataSourceType", "BlobReferenceProperties", "BlobReferenceProperties.Container"),
    *("BlobReferenceProperties.PathPattern", "BlobReferenceProperties.DateFormat"),
    *("BlobReferenceProperties.TimeFormat", "BlobReferenceProperties.StorageAccounts"),
    *("BlobReferenceProperties.StorageAccounts.AccountName", "BlobReferenceProperties.StorageAccounts.AccountKey"),
    *("DataSourceCredentialDomain", "Serialization", "Serialization.Type", "Serialization.Encoding", "ScriptType"),
}

#: Fleid/asa.adfCustomDeserializer, Outputs/adfActivityRunsOutEH.json
EVENT_HUB_OUTPUT = {
    *("Name", "DataSourceType", *_EVENT_HUB, "EventHubProperties.PartitionKey", "EventHubProperties.PropertyColumns"),
    *("DataSourceCredentialDomain", "Serialization", "Serialization.Type", "Serialization.Encoding"),
    *("Serialization.Format", "ScriptType"),
}

#: AndreasHassing/ASAVsCodeReferenceDataIssueRepro, Inputs/Local_Input.json
LOCAL_INPUT = {"InputAlias", "Type", "Format", "FilePath", "ScriptType"}

#: aessam01/asa-tadtaplt-resort-dev, Functions/FnString.js.json
FUNCTION = {
    *("Name", "Type", "ScriptType", "FunctionInputs", "FunctionInputs.DataType"),
    *("FunctionInputs.IsConfigurationParameter", "OutputType"),
}
