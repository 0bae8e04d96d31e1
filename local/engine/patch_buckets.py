"""CloudFormation: the properties of a bucket that it silently drops, put through the S3 API, which checks them; and no deletion of what is not empty."""

from xml.etree.ElementTree import Element, SubElement, tostring

from patching import PatchError, is_true, original

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
RULE_PROPERTIES = {
    "Id", "Status", "Prefix", "ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker", "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays", "AbortIncompleteMultipartUpload", "TagFilters",
}


def _text(parent, name, value):
    if value is not None:
        SubElement(parent, name).text = str(value)


def _lower(value):
    return str(is_true(value)).lower()


def lock_xml(configuration):
    root = Element("ObjectLockConfiguration", xmlns=NAMESPACE)
    _text(root, "ObjectLockEnabled", configuration.get("ObjectLockEnabled", "Enabled"))
    retention = (configuration.get("Rule") or {}).get("DefaultRetention")
    if retention:
        element = SubElement(SubElement(root, "Rule"), "DefaultRetention")
        for name in ("Mode", "Days", "Years"):
            _text(element, name, retention.get(name))
    return tostring(root)


def encryption_xml(encryption):
    root = Element("ServerSideEncryptionConfiguration", xmlns=NAMESPACE)
    for rule in encryption.get("ServerSideEncryptionConfiguration") or []:
        element = SubElement(root, "Rule")
        default = rule.get("ServerSideEncryptionByDefault")
        if default:
            applied = SubElement(element, "ApplyServerSideEncryptionByDefault")
            _text(applied, "SSEAlgorithm", default.get("SSEAlgorithm"))
            _text(applied, "KMSMasterKeyID", default.get("KMSMasterKeyID"))
        if "BucketKeyEnabled" in rule:
            _text(element, "BucketKeyEnabled", _lower(rule["BucketKeyEnabled"]))
    return tostring(root)


def lifecycle_xml(lifecycle):
    root = Element("LifecycleConfiguration", xmlns=NAMESPACE)
    for rule in lifecycle.get("Rules") or []:
        unknown = set(rule) - RULE_PROPERTIES
        if unknown:
            raise ValueError(f"the local engine and its sweeper do not know {', '.join(sorted(unknown))} of a lifecycle rule")
        element = SubElement(root, "Rule")
        _text(element, "ID", rule.get("Id"))
        _filter(SubElement(element, "Filter"), rule)
        _text(element, "Status", rule["Status"])
        _expiration(element, rule)
        noncurrent = rule.get("NoncurrentVersionExpiration") or {}
        days = noncurrent.get("NoncurrentDays", rule.get("NoncurrentVersionExpirationInDays"))
        if days is not None:
            expiration = SubElement(element, "NoncurrentVersionExpiration")
            _text(expiration, "NoncurrentDays", days)
            _text(expiration, "NewerNoncurrentVersions", noncurrent.get("NewerNoncurrentVersions"))
        if "AbortIncompleteMultipartUpload" in rule:
            _text(SubElement(element, "AbortIncompleteMultipartUpload"), "DaysAfterInitiation", rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
    return tostring(root)


def _filter(element, rule):
    tags = rule.get("TagFilters") or []
    if len(tags) > 1 or (tags and rule.get("Prefix")):
        raise ValueError("the local engine's sweeper knows a prefix or one tag in a lifecycle rule, not both")
    if not tags:
        SubElement(element, "Prefix").text = rule.get("Prefix", "")
        return
    tag = SubElement(element, "Tag")
    _text(tag, "Key", tags[0]["Key"])
    _text(tag, "Value", tags[0]["Value"])


def _expiration(element, rule):
    if not any(name in rule for name in ("ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker")):
        return
    expiration = SubElement(element, "Expiration")
    _text(expiration, "Days", rule.get("ExpirationInDays"))
    _text(expiration, "Date", rule.get("ExpirationDate"))
    if "ExpiredObjectDeleteMarker" in rule:
        _text(expiration, "ExpiredObjectDeleteMarker", _lower(rule["ExpiredObjectDeleteMarker"]))


def _accepted(response, what):
    if response[0] >= 400:
        raise ValueError(f"{what}: {response[2]!r}")


def complete(s3):
    for name in ("_put_object_lock_configuration", "_put_bucket_encryption", "_delete_bucket_encryption", "_put_bucket_lifecycle", "_delete_bucket_lifecycle", "_bucket_object_lock", "_bucket_versioning"):
        original(s3, name)

    def completed(name, properties):
        if is_true(properties.get("ObjectLockEnabled", False)):
            s3._bucket_versioning[name] = "Enabled"
            _accepted(s3._put_object_lock_configuration(name, lock_xml(properties.get("ObjectLockConfiguration") or {})), f"ObjectLockConfiguration of {name}")
        elif properties.get("ObjectLockConfiguration") or s3._bucket_object_lock.get(name):
            raise ValueError(f"{name}: ObjectLockEnabled must be true, and stays so once it was")
        if properties.get("BucketEncryption"):
            _accepted(s3._put_bucket_encryption(name, encryption_xml(properties["BucketEncryption"])), f"BucketEncryption of {name}")
        else:
            s3._delete_bucket_encryption(name)
        if (properties.get("LifecycleConfiguration") or {}).get("Rules"):
            _accepted(s3._put_bucket_lifecycle(name, lifecycle_xml(properties["LifecycleConfiguration"])), f"LifecycleConfiguration of {name}")
        else:
            s3._delete_bucket_lifecycle(name)

    return completed


def empty_buckets_only(provisioners, s3):
    """A stack's deletion took a bucket with all that was in it, locked or not; S3 refuses."""
    original(s3, "_delete_bucket")
    handlers = original(provisioners, "_RESOURCE_HANDLERS")
    if handlers["AWS::S3::Bucket"]["delete"] is not original(provisioners, "_s3_delete"):
        raise PatchError("CloudFormation no longer deletes a bucket with _s3_delete: its correction must be written anew.")

    def delete(physical_id, _properties):
        if physical_id in s3._buckets:
            _accepted(s3._delete_bucket(physical_id), f"deletion of {physical_id}")

    handlers["AWS::S3::Bucket"] = {**handlers["AWS::S3::Bucket"], "delete": delete}


def apply(provisioners, s3, after):
    """`after(provisioners, type, complete)` is patch_cloudformation's."""
    original(s3, "_buckets")
    after(provisioners, "AWS::S3::Bucket", complete(s3))
    empty_buckets_only(provisioners, s3)
